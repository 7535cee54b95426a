"""Topics and messages between the depot, its fleet and its operators."""
