"""The pages, one module per subject. Who may open a page is not their business: the access table's."""
