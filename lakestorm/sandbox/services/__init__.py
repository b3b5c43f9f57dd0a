"""One module a service, named as `--with` names it; its `SERVICE` is what the sandbox starts."""
