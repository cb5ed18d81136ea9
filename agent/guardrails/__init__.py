"""Guards: checks at four borders (input, retrieved text, tool calls, output) under one readable policy."""
