"""What is computed: targets, schedules, predictions, and the methods of the book, in torch."""
