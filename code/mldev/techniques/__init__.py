"""Part 2: AI-powered techniques in model development."""
