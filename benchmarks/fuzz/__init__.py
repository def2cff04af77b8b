"""Give every reader of strangers' files broken and hostile ones, and see what comes out."""
