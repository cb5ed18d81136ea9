"""From one language into another: what is asked, what is translated, and what code holds against the result."""
