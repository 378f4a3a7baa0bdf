<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/** Implemented by every exception of this library. */
interface PilotsyncException extends \Throwable
{
}
