<?php

/* Reads a JSON array of domains and prints the status of each. Arguments: Redis URL, app. */

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';

$client = new Pilotsync\Client($argv[1], $argv[2]);
echo json_encode(array_map([$client, 'status'], json_decode((string) stream_get_contents(STDIN), true)), JSON_UNESCAPED_SLASHES);
