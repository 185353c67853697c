"""Plug-ins: what a topic can ask of an article. One file each; see `registry.Leaf`."""
