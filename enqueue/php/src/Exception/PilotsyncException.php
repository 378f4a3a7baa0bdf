<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/** Every exception of this library: catch it to catch them all. */
interface PilotsyncException extends \Throwable
{
}
