"""Plug-ins: what an article is about. One file each; see `registry.Tagger`."""
