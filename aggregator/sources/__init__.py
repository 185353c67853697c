"""Plug-ins: places to read. One file each; see `registry.Source`."""
