"""Other runtimes that answer the files of a bundle: one client a file."""
