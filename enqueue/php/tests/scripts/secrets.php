<?php

/*
 * Reads a JSON array of values of PILOTSYNC_WEBHOOK_SECRET in base64, and prints the keys of each in base64; null if one of its secrets is wrong, or there is none.
 */

declare(strict_types=1);

require __DIR__ . '/../../wordpress/src/Signature.php';

use Pilotsync\WordPress\Signature;

$keys = [];
foreach (json_decode((string) stream_get_contents(STDIN), true) as $value) {
    $secrets = Signature::split(trim((string) base64_decode($value, true)));
    $valid = array_filter($secrets, [Signature::class, 'is_secret']);
    $keys[] = $secrets === [] || $valid !== $secrets ? null : array_map('base64_encode', array_map([Signature::class, 'key'], $secrets));
}
echo json_encode($keys);
