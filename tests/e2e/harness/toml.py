"""Writes the subset of TOML that a configuration of ares uses (Python reads TOML, but cannot write it)."""

import json
import re


def _key(name):
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    raise TypeError(type(value))


def _table(header, table):
    return [header] + [f"{_key(k)} = {_value(v)}" for k, v in table.items()]


def dump(config):
    """`config` maps a section to its keys; `providers`, `models` and `tiers` map names to tables,
    `templates` maps product types to lists of agents."""
    lines = []
    for section, body in config.items():
        if section == "templates":
            for product_type, agents in body.items():
                for agent in agents:
                    lines += _table(f"[[templates.{_key(product_type)}]]", agent)
        elif section in ("providers", "models", "tiers"):
            for name, table in body.items():
                lines += _table(f"[{section}.{_key(name)}]", table)
        else:
            lines += _table(f"[{section}]", body)
    return "\n".join(lines) + "\n"
