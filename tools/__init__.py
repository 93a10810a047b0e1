"""Programs for developers of tfapps; not part of the package."""
