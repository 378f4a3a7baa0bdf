<?php

/* Reads a JSON array of causes and prints the sentence and the remedy of each, and whether it is a problem. */

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';

echo json_encode(array_map(static function (array $json): array {
    $cause = Pilotsync\Cause::read($json);
    return ['sentence' => $cause->sentence(), 'remedy' => $cause->remedy(), 'problem' => $cause->isProblem()];
}, json_decode((string) stream_get_contents(STDIN), true)));
