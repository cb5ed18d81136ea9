"""Reports for people about one answer: HTML, PDF and DOCX from one description."""
