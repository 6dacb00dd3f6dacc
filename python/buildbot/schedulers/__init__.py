"""What asks for builds."""
