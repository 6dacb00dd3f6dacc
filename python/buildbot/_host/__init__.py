"""What makes this package the reader of a configuration. Users never import it."""
