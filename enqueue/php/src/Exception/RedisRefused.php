<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/**
 * Redis replied with an error, such as a wrong password or a full memory: an operator has to act.
 */
final class RedisRefused extends NotEnqueued
{
}
