<?php

/*
 * Loads the classes of Pilotsync\ from src/, for projects without Composer:
 *
 *     require 'enqueue/php/autoload.php';
 */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    if (strncmp($class, 'Pilotsync\\', 10) !== 0) {
        return;
    }
    $file = __DIR__ . '/src/' . strtr(substr($class, 10), '\\', '/') . '.php';
    if (is_file($file)) {
        require $file;
    }
});
