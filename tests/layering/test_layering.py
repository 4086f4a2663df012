"""The shape of the sources, as far as it can be read off their text.

Each rule is a function from a file to its complaints; each is tried on text that breaks it, then on
every source of the project.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ["conf", "store", "actors", "http", "bench"]  # each may include only what stands left of it
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60


def layer_of(path):
    return LAYERS.index(path.split("/")[0])


def includes(text):
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text, re.MULTILINE)


def arrows_to_the_right(path, text):
    return [
        f"{path} includes {header}, which stands right of it"
        for header in includes(text)
        if header.split("/")[0] in LAYERS and layer_of(header) > layer_of(path)
    ]


def libraries_out_of_place(path, text):
    allowed = {
        "restinio": path in ("http/server.cpp", "bench/hello/main.cpp"),
        "hiredis": path.startswith("store/"),
        "caf": layer_of(path) >= LAYERS.index("actors"),
    }
    return [
        f"{path} includes {header}"
        for header in includes(text)
        if not allowed.get(header.split("/")[0], True)
    ]


def unbounded_requests(path, text):
    return [f"{path} waits for ever: {line.strip()}" for line in text.splitlines() if "caf::infinite" in line]


def long_files(path, text):
    lines = text.count("\n")
    return [f"{path} has {lines} lines"] if lines > FILE_LINES_MAX else []


def without_literals_and_comments(text):
    """The text with strings, characters and comments blanked, line ends kept."""
    token = re.compile(
        r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/', re.DOTALL
    )
    return token.sub(lambda m: "\n" * m.group().count("\n"), text)


def long_functions(path, text):
    """Every block that opens behind a parameter list, from its head's last line to its brace."""
    complaints, open_blocks, head = [], [], ""
    for number, line in enumerate(without_literals_and_comments(text).splitlines(), 1):
        for character in line:
            if character == "{":
                is_type = re.search(r"\b(namespace|struct|class|enum|union)\b[^()]*$", head)
                open_blocks.append((number, ")" in head and not is_type, head.strip()))
            elif character == "}" and open_blocks:
                start, is_function, name = open_blocks.pop()
                if is_function and number - start + 1 > FUNCTION_LINES_MAX:
                    complaints.append(f"{path}:{start}: {number - start + 1} lines: {name}")
            head = "" if character in "{};" else head + character
        head += " "
    return complaints


RULES = [arrows_to_the_right, libraries_out_of_place, unbounded_requests, long_files, long_functions]


def sources():
    return sorted(
        str(path.relative_to(ROOT))
        for layer in LAYERS
        for suffix in ("cpp", "hpp")
        for path in (ROOT / layer).rglob(f"*.{suffix}")
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_source_breaks_the_rule(rule):
    assert len(sources()) > 10
    complaints = [c for path in sources() for c in rule(path, (ROOT / path).read_text())]
    assert not complaints, "\n".join(complaints)


LONG_BODY = "  work();\n" * FUNCTION_LINES_MAX


@pytest.mark.parametrize(
    "rule, path, text",
    [
        (arrows_to_the_right, "conf/a.hpp", '#include "store/redis.hpp"\n'),
        (arrows_to_the_right, "actors/providers/a.cpp", '#  include "http/server.hpp"\n'),
        (libraries_out_of_place, "http/gateway.cpp", "#include <restinio/all.hpp>\n"),
        (libraries_out_of_place, "actors/recorder.cpp", "#include <hiredis/async.h>\n"),
        (libraries_out_of_place, "store/redis.cpp", "#include <caf/all.hpp>\n"),
        (unbounded_requests, "actors/run.cpp", "request(a, caf::infinite, get);\n"),
        (long_files, "conf/a.cpp", "\n" * (FILE_LINES_MAX + 1)),
        (long_functions, "conf/a.cpp", "namespace a {\nvoid f(int x,\n       int y) {\n" + LONG_BODY + "}\n}\n"),
        (long_functions, "conf/a.cpp", 'auto f = [](const char* s = "}") {\n' + LONG_BODY + "};\n"),
    ],
)
def test_the_rule_sees_what_breaks_it(rule, path, text):
    assert rule(path, text)


@pytest.mark.parametrize(
    "rule, path, text",
    [
        (arrows_to_the_right, "http/main.cpp", '#include "conf/ids.hpp"\n#include "http/server.hpp"\n'),
        (libraries_out_of_place, "http/server.cpp", "#include <restinio/all.hpp>\n#include <caf/all.hpp>\n"),
        (libraries_out_of_place, "store/redis.cpp", "#include <hiredis/hiredis.h>\n"),
        (long_functions, "conf/a.cpp", "struct a {\n" + "  int b(int) { return 1'000; }\n" * 70 + "};\n"),
        (long_functions, "conf/a.cpp", "int f() {\n  // '\n  return R\"({)\"[0] + '{';\n}\n" + "\n" * 70),
    ],
)
def test_the_rule_leaves_good_code_alone(rule, path, text):
    assert not rule(path, text)
