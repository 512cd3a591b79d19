//! Zero-copy BGP-4 codec: messages, attributes, NLRI, capabilities and RFC 7606 dispositions.
