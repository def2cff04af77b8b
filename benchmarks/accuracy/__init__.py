"""How well mosaics are classified, on visits whose truth is known."""
