"""Part 4 of the book, AI in Model Training: the code its chapters teach."""
