"""The data of the master, as the REST API shows them."""
