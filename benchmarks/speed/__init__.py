"""How fast the commands are, beside the original spacekit and beside what the machine allows."""
