"""Fine-tuning: an encoder and its classifier trained end to end, on Lightning."""
