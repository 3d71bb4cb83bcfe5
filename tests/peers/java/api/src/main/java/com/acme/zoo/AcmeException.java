package com.acme.zoo;

/** The declared checked exception, with fields of its own. */
public class AcmeException extends Exception {
    private static final long serialVersionUID = 1L;
    private int code;
    private Address where;

    public AcmeException() {}

    public AcmeException(String message) { super(message); }

    public AcmeException(String message, Throwable cause) { super(message, cause); }

    public AcmeException(String message, int code, Address where) {
        super(message);
        this.code = code;
        this.where = where;
    }

    public AcmeException(String message, int code, Address where, Throwable cause) {
        super(message, cause);
        this.code = code;
        this.where = where;
    }

    public int getCode() { return code; }
    public void setCode(int v) { code = v; }
    public Address getWhere() { return where; }
    public void setWhere(Address v) { where = v; }
}
