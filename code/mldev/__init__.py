"""What the book teaches: one module per chapter, in one package per part, over a few modules that all parts share."""
