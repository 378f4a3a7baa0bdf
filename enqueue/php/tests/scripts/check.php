<?php

/*
 * Reads a JSON array of domains, has each checked, and prints the results. Arguments: Redis URL, app, seconds to wait.
 */

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';

$client = new Pilotsync\Client($argv[1], $argv[2]);
$results = [];
foreach (json_decode((string) stream_get_contents(STDIN), true) as $domain) {
    $results[] = $client->check($domain, ['www' => 'never'], (float) $argv[3]);
}
echo json_encode($results, JSON_UNESCAPED_SLASHES);
