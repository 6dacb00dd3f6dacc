"""The steps of builds."""
