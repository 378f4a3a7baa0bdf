<?php

/*
 * As much of Predis's public API as PredisConnection uses, for Predis can't be had without Composer. It notes what it is
 * told, and speaks to a real Redis with it. The signatures are those of Predis 1.1 to 2.4.
 */

declare(strict_types=1);

namespace Predis {
    abstract class PredisException extends \Exception
    {
    }

    class CommunicationException extends PredisException
    {
    }

    class Client
    {
        public const VERSION = '2.4.0';
        /** @var list<array{parameters: array<string, mixed>, options: array<string, mixed>}> */
        public static $made = [];
        /** @var list<list<list<string>>> one entry for each round trip */
        public static $trips = [];
        /** @var resource|null */
        private $stream;
        /** @var array<string, mixed> */
        private $parameters;

        public function __construct($parameters = null, $options = null)
        {
            self::$made[] = ['parameters' => $parameters, 'options' => $options];
            $this->parameters = $parameters;
        }

        public function pipeline(...$arguments)
        {
            return new Pipeline\Pipeline($this);
        }

        /**
         * @param list<list<string>> $commands
         * @return list<mixed>
         */
        public function exchange(array $commands): array
        {
            self::$trips[] = $commands;
            if ($this->stream === null) {
                $p = $this->parameters;
                $address = $p['scheme'] === 'unix' ? 'unix://' . $p['path'] : 'tcp://' . $p['host'] . ':' . $p['port'];
                $this->stream = @stream_socket_client($address, $code, $message, $p['timeout']) ?: null;
                if ($this->stream === null) {
                    throw new CommunicationException($message);
                }
                stream_set_timeout($this->stream, (int) $p['read_write_timeout']);
            }
            $out = '';
            foreach ($commands as $command) {
                $out .= '*' . count($command) . "\r\n";
                foreach ($command as $word) {
                    $out .= '$' . strlen($word) . "\r\n" . $word . "\r\n";
                }
            }
            @fwrite($this->stream, $out);
            $replies = [];
            foreach ($commands as $_) {
                $replies[] = $this->read();
            }
            return $replies;
        }

        /** @return mixed */
        private function read()
        {
            $line = @fgets($this->stream);
            if ($line === false) {
                throw new CommunicationException('Error while reading line from the server.');
            }
            $rest = substr($line, 1, -2);
            switch ($line[0]) {
                case '+':
                    return new Response\Status($rest);
                case '-':
                    return new Response\Error($rest);
                case ':':
                    return (int) $rest;
                case '$':
                    return $rest === '-1' ? null : substr((string) stream_get_contents($this->stream, (int) $rest + 2), 0, -2);
                default: // a list
                    $list = [];
                    for ($i = 0; $i < (int) $rest; $i++) {
                        $list[] = $this->read();
                    }
                    return $list;
            }
        }
    }
}

namespace Predis\Pipeline {
    class Pipeline
    {
        /** @var \Predis\Client */
        private $client;
        /** @var list<list<string>> */
        private $commands = [];

        public function __construct(\Predis\Client $client)
        {
            $this->client = $client;
        }

        public function executeCommand(\Predis\Command\CommandInterface $command)
        {
            $this->commands[] = $command->words;
            return $this;
        }

        public function execute($callable = null)
        {
            return $this->client->exchange($this->commands);
        }
    }
}

namespace Predis\Command {
    interface CommandInterface
    {
    }

    final class RawCommand implements CommandInterface
    {
        /** @var list<string> */
        public $words;

        public static function create($commandID, ...$args)
        {
            $command = new self();
            $command->words = array_merge([$commandID], $args);
            return $command;
        }
    }
}

namespace Predis\Response {
    interface ErrorInterface
    {
        public function getMessage();
    }

    class Error implements ErrorInterface
    {
        /** @var string */
        private $message;

        public function __construct($message)
        {
            $this->message = $message;
        }

        public function getMessage()
        {
            return $this->message;
        }
    }

    class Status
    {
        /** @var string */
        private $payload;

        public function __construct($payload)
        {
            $this->payload = $payload;
        }

        public function __toString()
        {
            return $this->payload;
        }
    }
}
