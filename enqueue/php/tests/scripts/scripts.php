<?php

/* Prints the Lua scripts as JSON. */

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';

echo json_encode(['seq' => Pilotsync\Scripts::SEQ, 'changes' => Pilotsync\Scripts::CHANGES, 'enqueue' => Pilotsync\Scripts::ENQUEUE]);
