"""From files and simulated users to the Kafka topics."""
