"""The lint of the book: what a page, a module and a test must be, checked before anything is built."""
