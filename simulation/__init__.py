"""The depot as a world: vehicles with their own truth and stations that speak real OCPP."""
