"""How the book is made: execution, figures, ledgers, checks, and the Sphinx extension."""
