<?php

/*
 * Reads a JSON array of requests, enqueues them in one call, and prints the receipts as JSON.
 * Arguments: Redis URL, app; "each" as a third enqueues them one by one.
 */

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';

$client = new Pilotsync\Client($argv[1], $argv[2]);
$requests = json_decode((string) stream_get_contents(STDIN), true);
$receipts = [];
foreach (($argv[3] ?? '') === 'each' ? array_chunk($requests, 1) : [$requests] as $some) {
    $receipts = array_merge($receipts, $client->enqueue($some));
}
echo json_encode($receipts);
