{{ lifecycle_episodes() }}
