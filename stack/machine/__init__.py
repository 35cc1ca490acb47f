"""What this machine must have: Java, jars, ports, a broker, a Redis."""
