"""What every part stands on: errors, settings, time, bounded queues, the interfaces of the stages."""
