"""What is checked: agreements between independent computations, the ledger of their outcomes, and the test suite."""
