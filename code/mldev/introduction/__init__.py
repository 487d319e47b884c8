"""Part 1: introduction to AI and machine learning."""
