"""What models read and give: columns of examples, arrays, padding."""
