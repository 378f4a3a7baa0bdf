<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/**
 * A task with this change's id is in the queue already. Its order number was given out twice, which takes a Redis that
 * lost its memory and whose clock was set back at once. All other changes of the batch were enqueued.
 */
final class TaskExists extends NotEnqueued
{
}
