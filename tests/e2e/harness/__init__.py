"""What the black-box suites share: a node, a stand-in upstream, clients that speak HTTP and RESP."""
