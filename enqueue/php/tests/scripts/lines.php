<?php

/*
 * Reads requests, one a line as JSON, and enqueues each with the same client. It prints a line
 * for each: its receipts as JSON, or the exception. Arguments: Redis URL, app.
 */

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';

$client = new Pilotsync\Client($argv[1], $argv[2]);
while (($line = fgets(STDIN)) !== false) {
    try {
        echo json_encode($client->enqueue([json_decode($line, true)])), "\n";
    } catch (Pilotsync\Exception\PilotsyncException $e) {
        echo get_class($e) . ': ' . $e->getMessage(), "\n";
    }
}
