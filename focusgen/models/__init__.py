"""Models behind three small Protocols; a backend is imported only when it is asked for."""
