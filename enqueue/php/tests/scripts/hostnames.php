<?php

/*
 * Reads a JSON array of strings and prints the result of Hostname::parse for each: {"out": …} or {"error": code, "rule": …, "suggestion": …}. A string is
 * given in base64, because it may not be UTF-8.
 */

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';

$results = [];
foreach (json_decode((string) stream_get_contents(STDIN), true) as $raw) {
    try {
        $results[] = ['out' => Pilotsync\Hostname::parse((string) base64_decode($raw, true))];
    } catch (Pilotsync\Exception\InvalidDomain $e) {
        $results[] = ['error' => $e->ruleCode(), 'rule' => $e->rule(), 'suggestion' => $e->suggestion()];
    }
}
echo json_encode($results);
