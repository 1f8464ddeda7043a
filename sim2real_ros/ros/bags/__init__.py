"""Play bags into ROS and record topics, where `ros2 bag` is missing or cannot."""
