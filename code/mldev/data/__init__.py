"""Part 3: data preparation and feature engineering with AI."""
