"""Plug-ins: Feed → bytes. One file each; see `registry.Format`."""
