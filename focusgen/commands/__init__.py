"""One module per `focusgen` command, each with a `main(argv) -> exit status`."""
